-- Takes a name in a room. False if somebody has it.
local room, folded, process, session, name, epoch = unpack(ARGV)
-- The others take this process for dead; it will notice, and come back under another name.
if not redis.call('ZSCORE', 'chat:processes', process) then
  return redis.error_reply('DEAD process')
end
local owner = redis.call('HGET', key(room, 'people'), folded)
-- Our own entry: we were back from a break of the connection before this script was.
if owner and owner ~= process .. ' ' .. session .. ' ' .. name then
  return false
end
redis.call('HSETNX', key(room, 'state'), 'epoch', epoch)
if not owner then
  enter(room, folded, process, session, name)
  tell(room, presence('joined', name))
end
return snapshot(room)
