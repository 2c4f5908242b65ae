-- The gateway's word about a lane with this ticket.
local RATE_GAIN = 0.02
local packed = redis.call('HGET', BASE .. 'tickets', ASKED.ticket)
if not packed then return 0 end
local held = cmsgpack.unpack(packed)
if NOW - held[2] >= LIMITS.ticket_s then return 0 end
local name, voice, books = held[1], held[3], held[4]
local key = BASE .. 'typical'
local typical = tonumber(redis.call('GET', key) or 0)
local bridge = load(name)
if bridge then
  if heard(name, bridge, ASKED, voice, typical) then
    bridge[DOUBTS] = 0
    redis.call('DEL', of_bridge('doubters', name))
  end
  save(name, bridge)
end
if ASKED.verdict == 'good' then earn(books, ASKED.carried_bytes) end
if ASKED.rate > 0 then
  local usual = typical > 0 and typical or ASKED.rate
  redis.call('SET', key, string.format('%.17g', usual * (ASKED.rate / usual) ^ RATE_GAIN), 'EX', DAY_S)
end
return 1
