-- Tells a prompt that is too long for the model from other refusals with status 400.

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

local function context_exceeded(body)
  local lower = string.lower(body)
  for _, words in ipairs(TOO_LONG) do
    if find(lower, words, 1, true) then return true end
  end
  return false
end
