-- Again from the start when the task runs again.
DELETE FROM campaign_metrics WHERE campaign_id = :expired_campaign_id;

INSERT INTO campaign_metrics (campaign_id, targeted, opened, clicked, revenue, aggregated_on)
SELECT campaign_id, COUNT(*), SUM(opened), SUM(clicked), ROUND(SUM(revenue), 2), :ds
FROM engagement
WHERE campaign_id = :expired_campaign_id
GROUP BY campaign_id;
