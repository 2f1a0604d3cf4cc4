-- A small shop that has been selling for half a year, up to the moment the sandbox starts. No randomness: hashes of
-- row numbers choose, so that everybody sees the same shop.

create role shop_owner nologin;
create role shop_catalog_owner nologin;
grant create on database shop to shop_catalog_owner;
alter database shop set search_path = sales, payments, catalog, public;
create extension pg_stat_statements with schema public;

create function pg_temp.pick(row_number bigint, salt text, choices int) returns int
  immutable parallel safe language sql
  return (hashtextextended(salt || row_number, 0) & 9223372036854775807) % choices;

-- catalog: what is sold. Owned by a role of its own, which migrations work as.

create schema catalog authorization shop_catalog_owner;
set role shop_catalog_owner;

create table catalog.products (
  id          bigint generated always as identity primary key,
  name        text not null unique,
  price_cents int not null check (price_cents > 0),
  active      boolean not null default true
);
comment on table catalog.products is 'What the shop sells';

insert into catalog.products (name, price_cents)
select format('%s %s', style, thing),
       490 + 100 * pg_temp.pick(row_number() over (order by thing, style), 'price', 60)
from unnest(array['Blue', 'Green', 'Grey', 'Red', 'White', 'Oak', 'Steel', 'Linen', 'Small', 'Large']) as style,
     unnest(array['teapot', 'cup', 'bowl', 'plate', 'lamp', 'chair', 'stool', 'table', 'towel', 'apron',
                  'board', 'knife', 'jar', 'basket', 'mirror', 'clock', 'rug', 'cushion', 'shelf', 'hook']) as thing;

reset role;

-- sales: who bought what.

create schema sales authorization shop_owner;
set role shop_owner;

create table sales.customers (
  id        bigint generated always as identity primary key,
  name      text not null,
  email     text not null unique,
  city      text not null,
  since     date not null
);
comment on table sales.customers is 'Who buys; personal data';

create table sales.orders (
  id          bigint generated always as identity primary key,
  customer_id bigint not null references sales.customers,
  status      text not null check (status in ('new', 'paid', 'packed', 'shipped', 'delivered', 'cancelled', 'stuck')),
  total_cents int not null default 0,
  placed_at   timestamptz not null,
  updated_at  timestamptz not null
);
comment on table sales.orders is 'One row per order';
comment on column sales.orders.status is 'stuck: the payment was taken, the order does not know';

create table sales.order_items (
  order_id    bigint not null references sales.orders,
  product_id  bigint not null,
  quantity    int not null check (quantity > 0),
  price_cents int not null,
  primary key (order_id, product_id)
);
comment on table sales.order_items is 'What is in an order, at the price of that day';

reset role;
grant usage on schema catalog to shop_owner;
grant select, references on catalog.products to shop_owner;
alter table sales.order_items add foreign key (product_id) references catalog.products;

insert into sales.customers (name, email, city, since)
select first || ' ' || last, format('%s.%s.%s@example.com', lower(first), lower(last), n), city,
       current_date - 200 - pg_temp.pick(n, 'since', 900)
from (select n,
        (array['Mia', 'Noah', 'Emma', 'Liam', 'Zoe', 'Omar', 'Ines', 'Jun', 'Nina', 'Paul', 'Aida', 'Tom', 'Lea', 'Ravi',
               'Sofia', 'Hugo'])[1 + pg_temp.pick(n, 'first', 16)] as first,
        (array['Adler', 'Baker', 'Costa', 'Dias', 'Evans', 'Fischer', 'Garcia', 'Haas', 'Ito', 'Jansen', 'Kaya', 'Lopez',
               'Moreau', 'Novak', 'Olsen', 'Patel', 'Quinn', 'Rossi', 'Silva', 'Weber'])[1 + pg_temp.pick(n, 'last', 20)] as last,
        (array['Lisbon', 'Porto', 'Berlin', 'Graz', 'Lyon', 'Turin', 'Ghent', 'Cork', 'Malmö', 'Gdańsk'])
          [1 + pg_temp.pick(n, 'city', 10)] as city
      from generate_series(1, 6000) as n) as people
order by n;

insert into sales.orders (customer_id, status, placed_at, updated_at)
select 1 + pg_temp.pick(n, 'customer', 6000),
       case when n = 4711 then 'stuck'
            when pg_temp.pick(n, 'cancelled', 25) = 0 then 'cancelled'
            when age < interval '3 hours' then 'new'
            when age < interval '20 hours' then 'paid'
            when age < interval '2 days' then 'packed'
            when age < interval '5 days' then 'shipped'
            else 'delivered' end,
       now() - age,
       now() - age + least(age, case when n = 4711 then interval '40 seconds'
                              else interval '1 hour' * (1 + pg_temp.pick(n, 'updated', 70)) end)
from (select n, case when n = 4711 then interval '47 minutes'
                     else interval '180 days' * (1 - n / 22001.0) end as age
      from generate_series(1, 22000) as n) as placed
order by n;

insert into sales.order_items (order_id, product_id, quantity, price_cents)
select o.id, p.id, 1 + pg_temp.pick(o.id * 8 + i, 'quantity', 3), p.price_cents
from sales.orders as o
cross join lateral generate_series(0, pg_temp.pick(o.id, 'items', 4)) as i
join catalog.products as p on p.id = 1 + (pg_temp.pick(o.id, 'product', 200) + i * 37) % 200;

update sales.orders as o
set total_cents = items.total
from (select order_id, sum(quantity * price_cents)::int as total from sales.order_items group by order_id) as items
where items.order_id = o.id;

-- payments: what was taken and given back.

create schema payments authorization shop_owner;
grant usage on schema payments to shop_owner;
set role shop_owner;

create table payments.payments (
  id           bigint generated always as identity primary key,
  order_id     bigint not null references sales.orders,
  amount_cents int not null check (amount_cents > 0),
  status       text not null check (status in ('authorised', 'captured', 'failed', 'refunded')),
  taken_at     timestamptz not null
);
comment on table payments.payments is 'What the payment provider told us';

create table payments.refunds (
  id           bigint generated always as identity primary key,
  payment_id   bigint not null references payments.payments,
  amount_cents int not null check (amount_cents > 0),
  reason       text not null,
  made_by      text not null default session_user,
  made_at      timestamptz not null default now()
);
comment on table payments.refunds is 'What was given back, and by which login';

reset role;

insert into payments.payments (order_id, amount_cents, status, taken_at)
select id, total_cents, case status when 'cancelled' then 'refunded' when 'new' then 'authorised' else 'captured' end,
       placed_at + interval '40 seconds'
from sales.orders
where id <> 4711
order by id;

-- The night's trouble: the first try failed, the retry took the money, the order stayed where it was.
insert into payments.payments (order_id, amount_cents, status, taken_at)
select 4711, total_cents, attempt.status, placed_at + attempt.after
from sales.orders,
     (values ('failed', interval '40 seconds'), ('captured', interval '95 seconds')) as attempt (status, after)
where id = 4711;

insert into payments.refunds (payment_id, amount_cents, reason, made_by, made_at)
select p.id, p.amount_cents, 'order cancelled', 'shop_app', o.updated_at
from payments.payments as p join sales.orders as o on o.id = p.order_id
where p.status = 'refunded'
order by p.id;

create index on sales.orders (customer_id);
create index on sales.orders (status, placed_at);
create index on sales.order_items (product_id);
create index on payments.refunds (payment_id);
analyze;

-- Something slow to find: payments are looked up by order, and nobody made an index for it.
select public.pg_stat_statements_reset();
do $$
declare n int;
begin
  for n in 1..60 loop
    perform sum(amount_cents) from payments.payments where order_id = n * 300;
    perform count(*) from sales.orders where customer_id = n * 50;
  end loop;
end $$;
