-- Reads and edits a field of a form (multipart/form-data, RFC 7578) without taking it apart: files
-- in it may be large, and are skipped over as they are.

local function boundary_of(content_type)
  local _, at = find(string.lower(content_type or ''), 'boundary=', 1, true)
  if not at then return nil end
  local rest = sub(content_type, at + 1)
  return string.match(rest, '^"([^"]+)"') or string.match(rest, '^[^%s;"]+')
end

-- The index of the next line that begins with the boundary, at or after i.
local function next_line(s, line, i)
  while true do
    local at = find(s, line, i, true)
    if not at then return nil end
    local after = byte(s, at + #line)
    local begins = at == 1 or sub(s, at - 2, at - 1) == '\r\n'
    if begins and (after == 13 or after == 45 or after == 32 or after == 9) then return at end
    i = at + 1
  end
end

local function is_named(head, name)
  local _, at = find(string.lower(head), '\r\ncontent-disposition:', 1, true)
  local disposition = at and string.match(head, '^[^\r\n]*', at + 1)
  if not disposition then return false end
  return string.match(disposition, '[;%s][Nn]ame="([^"]*)"') == name
    or string.match(disposition, '[;%s][Nn]ame=([^;%s"]+)') == name
end

-- The first and last indexes of the values of all fields of that name.
local function form_values(s, boundary, name)
  local line, found = '--' .. boundary, {}
  local at = next_line(s, line, 1)
  while at do
    if sub(s, at + #line, at + #line + 1) == '--' then return found end
    local head = find(s, '\r\n', at + #line, true)
    local blank = head and find(s, '\r\n\r\n', head, true)
    local after = blank and next_line(s, line, blank + 4)
    if not after then return found end
    if is_named(sub(s, head, blank + 1), name) then
      found[#found + 1] = { blank + 4, after - 3 }
    end
    at = after
  end
  return found
end

-- The form with another value of that field.
local function with_value(s, boundary, name, value)
  local edits = form_values(s, boundary, name)
  for _, edit in ipairs(edits) do edit[3] = value end
  return edited(s, edits)
end
