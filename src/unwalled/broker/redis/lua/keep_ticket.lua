-- Remembers to which bridge a ticket was given, and for whom; the oldest tickets make room.
local tickets, order = BASE .. 'tickets', BASE .. 'ticket-order'
if redis.call('HSET', tickets, ASKED.ticket, cmsgpack.pack({ASKED.bridge, NOW, ASKED.voice, ASKED.books})) == 1 then
  redis.call('RPUSH', order, ASKED.ticket)
end
while redis.call('LLEN', order) > LIMITS.max_tickets do
  redis.call('HDEL', tickets, redis.call('LPOP', order))
end
redis.call('PEXPIRE', tickets, math.ceil(LIMITS.ticket_s * 1000))
redis.call('PEXPIRE', order, math.ceil(LIMITS.ticket_s * 1000))
return 1
