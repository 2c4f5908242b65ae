-- What a bridge says it could take now.
local bridge = load(ASKED.name)
if not bridge then return 0 end
bridge[FREE], bridge[READERS], bridge[HEARD], bridge[BUSY] = ASKED.free, ASKED.readers, NOW, 0
file(ASKED.name, bridge)
return 1
