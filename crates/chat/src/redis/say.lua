-- Gives a message its id, tells everyone, and keeps it for newcomers. 0 if the room has begun anew.
local room, epoch, fields, keep = unpack(ARGV)
if redis.call('HGET', key(room, 'state'), 'epoch') ~= epoch then
  return 0
end
local time = redis.call('TIME')
local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local id = redis.call('HINCRBY', key(room, 'state'), 'id', 1)
local json = '{"type":"said","id":' .. id .. ',' .. fields .. ',"at":' .. at .. '}'
tell(room, json)
redis.call('RPUSH', key(room, 'history'), json)
-- With 0 the range would be the whole list.
if keep == '0' then
  redis.call('DEL', key(room, 'history'))
else
  redis.call('LTRIM', key(room, 'history'), -keep, -1)
end
redis.call('EXPIRE', key(room, 'state'), 86400)
redis.call('EXPIRE', key(room, 'history'), 86400)
return id
