-- The campaign is live; the trace says which run did it.
UPDATE campaigns
SET status = 'running', failed_tasks = NULL, launched_by = :run_id
WHERE id = :active_campaign_id;

INSERT INTO campaign_events (run_id, task, campaign_id, event, detail)
VALUES (:run_id, :task, :active_campaign_id, 'launched', :campaign_name);
