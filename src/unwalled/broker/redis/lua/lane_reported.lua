-- The gateway's word about a lane with this ticket. `weight` 0 = it did well.
local packed = redis.call('HGET', BASE .. 'tickets', ASKED.ticket)
if not packed then return 0 end
local held = cmsgpack.unpack(packed)
local name = held[1]
local bridge = NOW - held[2] < LIMITS.ticket_s and load(name)
if not bridge then return 0 end
if ASKED.weight == 0 then
  bridge[FAILURES], bridge[ASIDE], bridge[DOUBTS] = 0, 0, 0
  redis.call('DEL', of_bridge('doubters', name))
else
  fail(bridge, ASKED.weight)
end
save(name, bridge)
return 1
