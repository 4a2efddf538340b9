"""Stand-ins for Integrate.io and Aperture Data Studio on loopback: for the tests, and to try the examples with.

They are written from the documented APIs alone and share no code with the client: every request is checked strictly,
and faults can be ordered (see ``faults``).
"""

from __future__ import annotations
