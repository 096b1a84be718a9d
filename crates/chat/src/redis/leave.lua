-- Gives a name back, if it still belongs to this session.
local room, folded, process, session, name = unpack(ARGV)
if redis.call('HGET', key(room, 'people'), folded) == process .. ' ' .. session .. ' ' .. name then
  redis.call('HDEL', key(room, 'people'), folded)
  redis.call('SREM', 'chat:of:' .. process, room .. ' ' .. folded)
  tell(room, presence('left', name))
end
