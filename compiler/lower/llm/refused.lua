-- Tells why a request was refused, with status 400 or by an answer without content, where a chain
-- may want to know.

local TOO_LONG = {
  'context_length_exceeded', -- OpenAI's and Groq's code, Azure's too
  'maximum context length', -- OpenAI's, vLLM's, OpenRouter's and Mistral's message
  'prompt is too long', -- Anthropic
  'exceed context limit', -- Anthropic: input and max_tokens together
  'exceed_context_size', -- llama.cpp's type
  'exceeds the available context size', -- llama.cpp's message
  'exceeds the maximum number of tokens', -- Gemini's OpenAI endpoint
  'string_above_max_length', -- OpenAI's code for one input that is too long
}
local FILTERED = {
  '"content_filter"', -- OpenAI's and Azure's code
  '"content_policy_violation"', -- OpenAI's code for images
  'responsibleaipolicyviolation', -- Azure's inner code
  'content management policy', -- Azure's message
  'content filtering policy', -- Anthropic's message
}

local function holds(lower, texts)
  for _, words in ipairs(texts) do
    if find(lower, words, 1, true) then return true end
  end
  return false
end

local function context_exceeded(body) return holds(string.lower(body), TOO_LONG) end

-- The trigger that the body names, or nil.
local function refused(body)
  local lower = string.lower(body)
  if holds(lower, TOO_LONG) then return 'context_exceeded' end
  if holds(lower, FILTERED) then return 'content_filter' end
end

-- Whether the provider's filter has ended an answer (of chats, completions, messages or Responses)
-- before it said anything.
local function filtered(body)
  return (
    find(body, '"finish_reason"%s*:%s*"content_filter"')
    or find(body, '"stop_reason"%s*:%s*"refusal"')
    or find(body, '"reason"%s*:%s*"content_filter"')
  ) and tokens_said(body) == 0
end
