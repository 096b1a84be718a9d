-- Says that this process lives, and sweeps up after those that do not. 0 if it was taken for dead.
local process, patience, first, before = unpack(ARGV)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
if first == '0' and not redis.call('ZSCORE', 'chat:processes', process) then
  return 0
end
redis.call('ZADD', 'chat:processes', now, process)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', 'chat:processes', '-inf', now - patience)) do
  sweep(dead)
end
-- What this process called itself before its connection broke.
if before ~= '' then
  sweep(before)
end
return 1
