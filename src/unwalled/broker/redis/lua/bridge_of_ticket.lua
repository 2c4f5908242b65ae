-- The bridge that was given a ticket, or nothing.
local packed = redis.call('HGET', BASE .. 'tickets', ASKED.ticket)
if not packed then return false end
local held = cmsgpack.unpack(packed)
return NOW - held[2] < LIMITS.ticket_s and held[1]
