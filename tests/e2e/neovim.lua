-- Run by test_neovim.py: nvim --headless --clean -n -S neovim.lua, with COMMAND and FILE in the environment.
local function say(...) io.stdout:write(table.concat({ ... }, ' ') .. '\n') end
local function wait(what, condition)
  assert(vim.wait(120000, condition, 50), 'waited in vain: ' .. what)
end
local function lines(buf) return vim.api.nvim_buf_get_lines(buf, 0, -1, false) end

local function main()
  vim.cmd('edit ' .. vim.fn.fnameescape(vim.env.FILE))
  local buf = vim.api.nvim_get_current_buf()
  vim.bo[buf].filetype = 'python'
  local before = lines(buf)
  local attached = false
  local id = vim.lsp.start_client({
    name = 'copydecode',
    cmd = vim.fn.json_decode(vim.env.COMMAND),
    root_dir = vim.fn.getcwd(),
    on_attach = function() attached = true end,
  })
  assert(id, 'the client did not start')
  vim.lsp.buf_attach_client(buf, id)
  wait('attached', function() return attached end)
  local client = vim.lsp.get_client_by_id(id)
  say('encoding:', client.offset_encoding)

  -- A diagnostic, the editor's own code action menu, resolve, and one undo.
  vim.ui.select = function(items, opts, choose)
    say('menu:', opts.format_item and opts.format_item(items[1]) or '?')
    choose(items[1], 1)
  end
  vim.api.nvim_win_set_cursor(0, { 4, 0 })
  -- A mark beside the change, as a breakpoint or another cursor has it, stays where it is.
  local marks = vim.api.nvim_create_namespace('marks')
  local mark = vim.api.nvim_buf_set_extmark(buf, marks, 3, 4, {})
  local place = { start = { line = 3, character = 11 }, ['end'] = { line = 3, character = 18 } }
  local diagnostic = { range = place, message = "undefined name 'resultt'", source = 'pyflakes', severity = 1 }
  local context = { diagnostics = { diagnostic }, only = { 'quickfix' } }
  if vim.fn.has('nvim-0.8') == 1 then
    vim.lsp.buf.code_action({ context = context })
  else
    vim.lsp.buf.code_action(context)
  end
  wait('the quick fix', function() return not vim.deep_equal(lines(buf), before) end)
  say('fixed:', table.concat(lines(buf), '|'))
  local at = vim.api.nvim_buf_get_extmark_by_id(buf, marks, mark, {})
  assert(at[1] == 3 and at[2] == 4, 'the mark moved to ' .. vim.inspect(at))
  vim.cmd('undo')
  assert(vim.deep_equal(lines(buf), before), 'one undo does not restore the text')

  -- A command that ends in workspace/applyEdit.
  local answer = client.request_sync('workspace/executeCommand', {
    command = 'copydecode.applyEdit',
    arguments = { { uri = vim.uri_from_bufnr(buf), instruction = 'Delete lines 1 to 2' } },
  }, 120000, buf)
  assert(answer and not answer.err, vim.inspect(answer))
  say('applied:', tostring(answer.result.applied))
  say('deleted:', table.concat(lines(buf), '|'))

  -- Bad input is an error message, and the text stays.
  local kept = lines(buf)
  answer = client.request_sync('workspace/executeCommand', {
    command = 'copydecode.applyEdit',
    arguments = { { uri = vim.uri_from_bufnr(buf), instruction = '  ' } },
  }, 120000, buf)
  say('refused:', answer.err.message)
  assert(vim.deep_equal(lines(buf), kept), 'the text changed')
  vim.cmd('write')
  client.stop()
  wait('stopped', function() return client.is_stopped() end)
  say('PASS')
end

local ok, err = xpcall(main, debug.traceback)
if not ok then
  io.stderr:write(err .. '\n')
  vim.cmd('cquit! 1')
else
  vim.cmd('qall!')
end
