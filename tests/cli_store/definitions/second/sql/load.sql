DELETE FROM staging;
INSERT INTO staging SELECT id FROM orders WHERE region = :region;
