-- The words of the holders of an invite about bridges that they were matched with: pairs of a name and "is good".
local budget = of_bridge('budget', ASKED.invite)

local function spend()
  local packed = redis.call('GET', budget)
  local since, spent = NOW, 0
  if packed then
    local held = cmsgpack.unpack(packed)
    if NOW - held[1] < LIMITS.report_window_s then since, spent = held[1], held[2] end
  end
  if spent >= LIMITS.reports_per_invite then return false end
  redis.call('SET', budget, cmsgpack.pack({since, spent + 1}), 'PX', math.ceil(LIMITS.report_window_s * 1000))
  return true
end

for _, report in ipairs(ASKED.reports) do
  local name, is_good = report[1], report[2]
  local bridge = load(name)
  if bridge and redis.call('LPOS', of_bridge('served', name), ASKED.invite) then
    local key = of_bridge('doubters', name)
    if is_good then
      redis.call('SREM', key, ASKED.invite)
    elseif redis.call('SISMEMBER', key, ASKED.invite) == 0 and bridge[DOUBTS] < LIMITS.doubters and spend() then
      redis.call('SADD', key, ASKED.invite)
      redis.call('EXPIRE', key, DAY_S)
    end
    bridge[DOUBTS] = redis.call('SCARD', key)
    save(name, bridge)
  end
end
return 1
