"""Aperture and Integrate.io misbehave: each job that was asked for is started once, the exit code tells the class."""

from __future__ import annotations

import pytest

from scripts.test_servers.aperture import Aperture
from scripts.test_servers.faults import Fault, Reply, cut, html, late, lost, refused
from scripts.test_servers.integrate_io import IntegrateIo
from tests.remote_systems import account, studio
from tests.workflow_run.remote_systems import KINDS, HastyClock, System

__all__ = ["account", "studio"]


@pytest.fixture(params=KINDS)
def system(request: pytest.FixtureRequest, studio: Aperture, account: IntegrateIo) -> System:
    made = System(request.param, studio, account)
    made.add("wf1", "wf2")
    return made


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "what",
    [
        refused("", "", 503, times=2),
        refused("", "", 429, "slower", times=2, headers={"retry-after": "1"}),
        html("", "", times=2),
        html("", "", times=2, status=502),
        lost("", "", times=2),
        cut("", "", times=2),
        late("", "", 0.3, times=2),
    ],
    ids=["503", "429", "html", "html 502", "lost", "cut", "late"],
)
def test_faults_are_outlasted_and_each_job_is_started_once(system: System, method: str, what: Fault) -> None:
    # The login itself is not repeated after nonsense: see test_targets.
    path = system.start if method == "POST" else system.job
    system.served.order(Fault(method, path, 2, 0, what.wait, what.process, what.reply, what.lose))

    ending, lines = system.run_here("--phase", "wf1", "--phase", "wf2", "--timeout", "60s")

    assert ending.code == 0, (ending.message, lines)
    assert system.jobs == ["wf1", "wf2"]
    assert [job.run.id if job.run else None for job in ending.jobs] == [
        str((9000 if system.is_aperture else 1000) + number) for number in range(2)
    ]


@pytest.mark.parametrize("path", ["/workflows$|/packages$", "/jobs$|/clusters$"])
def test_lists_may_fail_for_a_while(system: System, path: str) -> None:
    system.served.order(refused("GET", path, 503), refused("GET", path, 429, headers={"retry-after": "1"}))

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 0, (ending.message, lines)
    assert system.jobs == ["wf1"]


def test_a_job_whose_answer_and_search_were_lost_is_found_at_last(system: System) -> None:
    """The POST is carried out, and then nothing answers for a while: the search itself is asked again."""
    listing = "/jobs$"
    skip = 1 if system.is_aperture else 0  # Aperture's jobs are listed before the start too
    system.served.order(lost("POST", system.start), Fault("GET", listing, 3, skip, reply=Reply(503, "{}")))

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 0, (ending.message, lines)
    assert system.jobs == ["wf1"]


def test_a_job_that_appears_late_in_lists_is_not_started_again(studio: Aperture, account: IntegrateIo) -> None:
    system = System("integrate-io", studio, account)
    system.add("wf")
    account.hidden_lists = 3
    system.served.order(lost("POST", system.start))

    ending, _ = system.run_here("--phase", "wf")

    assert ending.code == 0
    assert system.jobs == ["wf"]


def test_a_start_that_is_refused_is_an_execution_failure(system: System) -> None:
    system.served.order(refused("POST", system.start, 400, "no licence"))

    ending, lines = system.run_here("--phase", "wf1,wf2")

    assert ending.code == 5
    assert "it could not be started" in lines
    assert "no licence" in lines
    assert system.jobs == ["wf2"]
    assert ending.jobs[0].run is None


def test_an_unknown_state_is_not_the_end(system: System) -> None:
    system.script("running", "dreaming", "dreaming", "completed")

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 0
    assert lines.count("unknown state 'dreaming'") == 1


def test_a_state_that_goes_back_is_waited_out(system: System) -> None:
    system.script("running", "queued", "running", "completed")

    assert system.run_here("--phase", "wf1")[0].code == 0


def test_a_page_of_a_proxy_is_not_the_loss_of_a_job(system: System) -> None:
    system.script("running", "completed")
    system.served.order(html("GET", system.job, 2, 404))

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 0, lines
    assert "no contact" in lines


@pytest.mark.parametrize("body", ["[]", "{}", "7", '{"id": 1000, "status": 7, "jobId": "", "state": [1]}', "null"])
def test_an_answer_that_is_no_job_is_waited_out(system: System, body: str) -> None:
    system.served.order(Fault("GET", system.job, 1, process=False, reply=Reply(200, body)))

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 0, lines


@pytest.mark.parametrize("body", ["[1]", '{"items": ["x"]}', "[{}]", "{}", "7"])
def test_a_list_of_something_else_starts_nothing(system: System, body: str) -> None:
    skip = 0 if system.kind == "v1" else 1  # the login of the others
    system.served.order(Fault("GET", "/workflows$|/packages$", None, skip, process=False, reply=Reply(200, body)))

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 4, lines
    assert system.jobs == []


def test_a_job_that_is_gone_is_an_execution_failure(system: System) -> None:
    system.served.order(refused("GET", system.job, 404, "unknown job"))

    ending, lines = system.run_here("--phase", "wf1")

    assert ending.code == 5
    assert "the run does not exist any more" in lines


def test_lost_contact_leaves_the_job_and_says_where_it_is(system: System) -> None:
    system.script("running")
    system.served.order(refused("GET", system.job, 503, times=None))

    ending, _ = system.run_here("--phase", "wf1", "--phase", "wf2", "--lost-contact-after", "1s")

    assert ending.code == 8
    assert "going on for all that is known: wf1" in ending.message
    assert system.jobs == ["wf1"]


def test_lost_contact_within_a_start_tells_of_it(system: System) -> None:
    system.served.order(lost("POST", system.start, None), Fault("GET", "/jobs$", None, 1, reply=Reply(503, "{}")))
    if not system.is_aperture:
        system.served.order(Fault("GET", "/jobs$", None, 0, reply=Reply(503, "{}")))

    ending, _ = system.run_here("--phase", "wf1", "--lost-contact-after", "2s")

    assert ending.code == 8
    assert "going on for all that is known: wf1" in ending.message
    assert system.jobs == ["wf1"]


def test_a_timeout_goes_before_everything(system: System) -> None:
    system.served.order(refused("GET", system.job, 429, times=None, headers={"retry-after": "3600"}))

    ending, _ = system.run_here("--phase", "wf1", "--timeout", "1s")

    assert ending.code == 7


@pytest.mark.parametrize("kind", ["v2", "integrate-io"])
def test_a_key_that_is_no_longer_accepted_ends_it(studio: Aperture, account: IntegrateIo, kind: str) -> None:
    system = System(kind, studio, account)
    system.add("wf1")
    system.script("running")
    system.served.order(refused("GET", system.job, 401, "key revoked"))

    ending, _ = system.run_here("--phase", "wf1")

    assert ending.code == 3
    assert "going on for all that is known: wf1" in ending.message


def test_a_token_that_has_expired_is_renewed(studio: Aperture, account: IntegrateIo) -> None:
    system = System("v1", studio, account)
    system.add("wf1", "wf2")
    system.served.order(refused("POST", system.start, 401, "expired"), refused("GET", system.job, 401, "expired"))

    ending, lines = system.run_here("--phase", "wf1", "--phase", "wf2")

    assert ending.code == 0, lines
    assert system.jobs == ["wf1", "wf2"]
    assert len(system.served.seen("POST", "/login")) == 3


def test_two_jobs_that_could_be_the_one_are_not_guessed(studio: Aperture, account: IntegrateIo) -> None:
    system = System("v2", studio, account)
    workflow = studio.add_workflow("wf")
    system.served.order(lost("POST", system.start))

    class Rival(list):  # type: ignore[type-arg]
        """Somebody else runs the same workflow at the same moment."""

        def append(self, job: object) -> None:
            super().append(job)
            if len(self) == 1:
                studio.add_job(workflow)

    studio.jobs = Rival()

    ending, lines = system.run_here("--phase", "wf")

    assert ending.code == 5
    assert "jobs 9001, 9000 of workflow 'wf' could each be the one" in lines
    assert len(studio.jobs) == 2


def test_a_cluster_that_has_ended_meanwhile_is_replaced(studio: Aperture, account: IntegrateIo) -> None:
    system = System("integrate-io", studio, account)
    system.add("wf")
    gone = account.add_cluster("idle")
    gone.script = ["terminated"]
    system.served.order(refused("POST", system.start, 422, "Cluster 500 is not available"))

    ending, lines = system.run_here("--phase", "wf")

    assert ending.code == 0, lines
    assert [job.values["cluster_id"] for job in account.jobs] == [501]


def test_an_interrupted_start_stops_the_job_that_it_made(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the answer to the start is awaited: the job is there, its id has not arrived."""
    system.script("running")
    system.served.order(lost("POST", system.start))

    def interrupt(clock: HastyClock, seconds: float) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(HastyClock, "sleep", interrupt)

    ending, _ = system.run_here("--phase", "wf1", "--cancel-on-interrupt")

    assert ending.code == 130
    assert ending.message == "interrupted; no run is left"
    assert len(system.jobs) == 1
    assert system.states[0] in ("cancelling", "pending_stoppage")
