-- What is known of a bridge: whether it delivers, how fast, and whether it is put aside. As in broker/standing.py.

local BAD_WEIGHT = 4
local UNTRIED_BELOW = 0.5
local PROMISE_WEIGHT, MOST_COUNTED = 0.125, 16
local DOUBT_WEIGHT = 0.5
local SPEED_GAIN = 0.3

-- What was seen weighs half after a while, good and bad alike.
local function age(bridge)
  local elapsed_s = NOW - bridge[JUDGED]
  if elapsed_s <= 0 then return end
  local kept = 0.5 ^ (elapsed_s / LIMITS.half_life_s)
  bridge[GOOD], bridge[BAD], bridge[PROMISES] = bridge[GOOD] * kept, bridge[BAD] * kept, bridge[PROMISES] * kept
  bridge[JUDGED] = NOW
end

-- 1 = fit, 2 = doubtful, 3 = poor.
local function grade(bridge)
  age(bridge)
  local trust = (bridge[GOOD] + 1) / (bridge[GOOD] + bridge[BAD] + 2)
  if trust < 0.2 then return 3 end
  return trust < 0.4 and 2 or 1
end

local function is_untried(bridge)
  return bridge[GOOD] + bridge[BAD] < UNTRIED_BELOW and bridge[PROMISES] < UNTRIED_BELOW
end

local function is_aside(bridge)
  return NOW < bridge[BUSY] or NOW < bridge[ASIDE] or NOW < bridge[RESTS]
end

-- How much of what it can it would do with so many lanes more, and what else counts against it.
local function burden(bridge, further)
  local capacity = math.max(1, bridge[CAPACITY])
  local claimed = bridge[GOOD] >= UNTRIED_BELOW and capacity or math.min(capacity, LIMITS.unproven_lanes)
  local lanes = math.max(0, capacity - room(bridge)) + further
  local promises = PROMISE_WEIGHT * math.min(bridge[PROMISES], MOST_COUNTED)
  return lanes / (claimed * bridge[SPEED]) + promises + DOUBT_WEIGHT * bridge[DOUBTS]
end

-- It answered a match; its lanes should carry something soon.
local function promised(bridge)
  age(bridge)
  bridge[PROMISES] = bridge[PROMISES] + 1
  local past = bridge[PROMISES] - bridge[MOST_PROMISES]
  if past > 0 then
    bridge[RESTS] = NOW + math.min(LIMITS.rest_max_s, LIMITS.rest_first_s * 2 ^ math.min(past, 30))
  end
end

local function put_aside(bridge, base, weight)
  -- Several lanes of one match die together; that is one failure.
  if NOW < bridge[ASIDE] then return end
  age(bridge)
  bridge[BAD] = bridge[BAD] + base * weight
  if NOW >= bridge[FAILED_AT] + 2 * LIMITS.aside_max_s then bridge[FAILURES] = 0 end
  bridge[FAILURES] = bridge[FAILURES] + base * weight
  bridge[FAILED_AT] = NOW
  local exponent = math.min(math.max(bridge[FAILURES] - 1, 0), 30)
  bridge[ASIDE] = NOW + weight * math.min(LIMITS.aside_max_s, LIMITS.aside_first_s * 2 ^ exponent)
  bridge[TAMPERING] = false
end

-- How much an asker's word about a bridge weighs: each further one of the same asker half of the one before.
local function weight_of(name, voice)
  local key = of_bridge('voices', name)
  local packed = redis.call('GET', key)
  local kept, count = {}, 0
  for _, one in ipairs(packed and cmsgpack.unpack(packed) or {}) do
    if one[1] ~= voice then
      kept[#kept + 1] = one
    elseif NOW - one[3] < LIMITS.half_life_s then
      count = one[2]
    end
  end
  kept[#kept + 1] = {voice, count + 1, NOW}
  if #kept > LIMITS.voices then table.remove(kept, 1) end
  redis.call('SET', key, cmsgpack.pack(kept), 'PX', math.ceil(LIMITS.half_life_s * 1000))
  return 0.5 ^ math.min(count, 30)
end

-- It did no harm that could be seen at once; by and by it is put aside, too.
local function disappointed(bridge, base, weight)
  bridge[BAD] = bridge[BAD] + base * weight
  if grade(bridge) == 3 then put_aside(bridge, base, weight) end
end

local function is_slow(report)
  if report.rate == 0 then return false end
  if report.rate < LIMITS.slow_share * report.peers then return true end
  return report.limited_s >= LIMITS.trickle_s and report.rate < LIMITS.trickle_bytes_s
end

local function carried(name, bridge, report, voice, typical)
  bridge[PROMISES], bridge[RESTS] = 0, 0
  local slow = is_slow(report)
  local weight = weight_of(name, voice .. ((report.closed_early or slow) and '-' or '+'))
  if report.closed_early then
    disappointed(bridge, LIMITS.early_weight, weight)
    return false
  end
  local usual = report.peers > 0 and report.peers or typical
  if report.rate > 0 and usual > 0 then
    local share = math.min(math.max(report.rate / usual, LIMITS.least_speed), LIMITS.most_speed)
    bridge[SPEED] = bridge[SPEED] * (share / bridge[SPEED]) ^ (SPEED_GAIN * weight)
  end
  if slow then
    disappointed(bridge, 1, weight)
    return false
  end
  bridge[GOOD] = bridge[GOOD] + weight
  if not (bridge[TAMPERING] and NOW < bridge[ASIDE]) then
    bridge[FAILURES] = math.max(0, bridge[FAILURES] - 1)
    bridge[ASIDE] = 0
    bridge[TAMPERING] = false
  end
  return true
end

-- The gateway's word about a lane of it; true when it speaks for the bridge.
local function heard(name, bridge, report, voice, typical)
  age(bridge)
  if report.verdict == 'good' then return carried(name, bridge, report, voice, typical) end
  local weight = weight_of(name, voice .. '-')
  put_aside(bridge, report.verdict == 'bad' and BAD_WEIGHT or 1, weight)
  bridge[TAMPERING] = bridge[TAMPERING] or report.verdict == 'bad'
  return false
end
