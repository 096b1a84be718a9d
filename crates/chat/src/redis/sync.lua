-- After a break: says who is here, and asks what happened. What Redis has lost, if it was restarted,
-- it learns again: the epoch, the last id, and who is in the room.
local room, process, before, epoch, id, order = unpack(ARGV, 1, 6)
local state = key(room, 'state')
redis.call('HSETNX', state, 'epoch', epoch)
local lost = {}
if redis.call('HGET', state, 'epoch') == epoch then
  for name, least in pairs({ id = id, order = order }) do
    if tonumber(redis.call('HGET', state, name) or 0) < tonumber(least) then
      redis.call('HSET', state, name, least)
    end
  end
  for i = 7, #ARGV, 3 do
    local folded, session, name = ARGV[i], ARGV[i + 1], ARGV[i + 2]
    local owner = redis.call('HGET', key(room, 'people'), folded)
    local of = owner and owner:match('^(%S+)')
    if not owner then
      enter(room, folded, process, session, name)
      tell(room, presence('joined', name))
    elseif of == before or of == process then
      -- It was here all the time.
      enter(room, folded, process, session, name)
    else
      lost[#lost + 1] = session
    end
  end
end
local result = snapshot(room)
result[6] = lost
return result
