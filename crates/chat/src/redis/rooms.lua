-- What the other scripts share. Redis runs one script at a time, and nothing else meanwhile: that is
-- what puts the events of a room into one order for all processes.

-- A room's keys. The braces keep them together in a cluster.
local function key(room, what)
  return 'chat:{' .. room .. '}:' .. what
end

-- Tells every process what happened in a room, with its place in the order.
local function tell(room, json)
  local order = redis.call('HINCRBY', key(room, 'state'), 'order', 1)
  redis.call('PUBLISH', key(room, 'events'), order .. ' ' .. json)
end

local function presence(kind, name)
  return '{"type":"' .. kind .. '","name":' .. cjson.encode(name) .. '}'
end

-- Somebody is in the room: `process session name`, under the folded name.
local function enter(room, folded, process, session, name)
  redis.call('HSET', key(room, 'people'), folded, process .. ' ' .. session .. ' ' .. name)
  -- What to look for when the process is dead.
  redis.call('SADD', 'chat:of:' .. process, room .. ' ' .. folded)
end

-- Everyone whom this process had connected is gone.
local function sweep(process)
  for _, place in ipairs(redis.call('SMEMBERS', 'chat:of:' .. process)) do
    local room, folded = place:match('^(%S+) (.*)$')
    local owner = redis.call('HGET', key(room, 'people'), folded) or ''
    local of, name = owner:match('^(%S+) %S+ (.*)$')
    if of == process then
      redis.call('HDEL', key(room, 'people'), folded)
      tell(room, presence('left', name))
    end
  end
  redis.call('DEL', 'chat:of:' .. process)
  redis.call('ZREM', 'chat:processes', process)
end

-- All of a room at this place of the order. It stays for a day after the last word.
local function snapshot(room)
  redis.call('EXPIRE', key(room, 'state'), 86400)
  redis.call('EXPIRE', key(room, 'history'), 86400)
  local state = redis.call('HMGET', key(room, 'state'), 'epoch', 'id', 'order')
  return {
    state[1], tonumber(state[2] or 0), tonumber(state[3] or 0),
    redis.call('HVALS', key(room, 'people')), redis.call('LRANGE', key(room, 'history'), 0, -1),
  }
end
