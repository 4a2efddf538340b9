"""The versioned store of workflow definitions: a database, its versions and releases, and who may publish."""
