-- How many bridges for everybody have room.
local count = 0
for _, nat in ipairs(ASKED.nats) do count = count + redis.call('SCARD', pool(nat, '')) end
return count
