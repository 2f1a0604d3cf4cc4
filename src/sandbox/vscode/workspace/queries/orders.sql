-- What the warehouse waits for, by day
select placed_at::date as day, status, count(*), sum(total_cents) / 100.0 as total
from orders
where placed_at > now() - interval '7 days'
group by 1, 2
order by 1 desc, 2;
