-- Ends a reservation: gives the held room back, less the answered lanes.
local held, name, bridge = take_back(ASKED.match)
if not held then return 0 end
if ASKED.answered > 0 then
  bridge[HEARD] = NOW
  promised(bridge)
  bridge[FREE] = math.max(0, bridge[FREE] - ASKED.answered)
  if held[HELD_READER] == '' or remember('readers', name, held[HELD_READER]) then
    bridge[READERS] = math.max(0, bridge[READERS] - 1)
  end
  remember('served', name, held[HELD_INVITE])
end
if ASKED.fault then
  put_aside(bridge, 1, 1)
elseif ASKED.busy then
  bridge[BUSY] = NOW + LIMITS.aside_busy_s
  -- It had said that it was free: once is a race, always is a bridge that only wastes readers' time.
  promised(bridge)
end
file(name, bridge)
return 1
