-- Takes a bridge off the list.
forget(ASKED.name)
return 1
