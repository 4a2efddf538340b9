-- Nothing that customers could see of a launch that failed.
DELETE FROM engagement WHERE campaign_id = :active_campaign_id;
DELETE FROM page_cache WHERE campaign_id = :active_campaign_id;
UPDATE banners SET campaign_id = NULL, headline = 'Welcome' WHERE campaign_id = :active_campaign_id;
UPDATE customers SET campaign_id = NULL WHERE campaign_id = :active_campaign_id;
