/** The shortest access there is, so that a test sees it end by itself. */
export const peek = `
template: shop-read-briefly
title: Peek at orders
summary: Look at orders for a minute. Change nothing.
target: shop
documentation: https://docs.shop.example/runbooks/peek
scope:
  privileges: [select on sales.orders]
duration: { default: PT1M, longest: PT1M }
terminals: 2
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`;

/** Whoever is on call need not wait for approval, and proves with a second factor who they are. */
export const stop = `
template: shop-stop-checkout
title: Stop the checkout
summary: Update the status of orders, read orders. Nothing else.
target: shop
scope:
  privileges: [select on sales.orders, 'update (status, updated_at) on sales.orders']
duration: { default: PT30M, longest: PT1H }
request: { by: [engineering] }
approve: { by: [payments-leads] }
break_glass: { by: [oncall], longest: PT10M, acr: [mfa] }
revoke: { by: [payments-leads] }
`;

/** Two terminals at most. */
export const compare = `
template: shop-compare-orders
title: Compare orders
summary: Look at orders in two terminals. Change nothing.
target: shop
documentation: https://docs.shop.example/runbooks/compare
scope:
  privileges: [select on sales.orders]
duration: { default: PT30M, longest: PT30M }
terminals: 2
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`;

/** Long enough for trouble in between. */
export const watch = `
template: shop-watch-orders
title: Watch orders
summary: Look at orders while something is mended. Change nothing.
target: shop
scope:
  privileges: [select on sales.orders]
duration: { default: PT1M30S, longest: PT1M30S }
terminals: 2
request: { by: [engineering] }
approve: nobody
revoke: { by: [payments-leads] }
`;
