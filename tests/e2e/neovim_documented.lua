-- Run by test_neovim.py after a configuration of docs/editors.md, with the file open:
-- nvim --headless --clean -n -u CONFIGURATION FILE -S neovim_documented.lua
local buf = vim.api.nvim_get_current_buf()
local menu

local function wait(what, condition)
  assert(vim.wait(120000, condition, 20), 'waited in vain: ' .. what)
end
local function lines() return vim.api.nvim_buf_get_lines(buf, 0, -1, false) end
local function press(keys)
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, true, true), 'mx', false)
end
local function has(line) return vim.tbl_contains(lines(), line) end
local function clients()
  return (vim.lsp.get_clients or vim.lsp.get_active_clients)({ bufnr = buf })
end
-- Applies something, looks at what it made, and takes it back by one undo.
local function step(name, keys, made)
  local before = lines()
  menu = 'no menu'
  press(keys)
  wait(name, function() return made() end)
  io.stdout:write(name .. ': ' .. menu .. '\n')
  vim.cmd('undo')
  assert(vim.deep_equal(lines(), before), name .. ': one undo does not restore the text')
end

local function main()
  vim.ui.select = function(items, opts, choose)
    menu = opts.format_item(items[1])
    choose(items[1], 1)
  end
  vim.ui.input = function(opts, answer)
    menu = opts.prompt
    answer('Delete lines 2 to 3')
  end
  wait('the client attached', function() return #clients() == 1 and clients()[1].initialized end)

  -- As nvim-lint and the like tell what they found: not as LSP diagnostics.
  vim.diagnostic.set(vim.api.nvim_create_namespace('linter'), buf, { {
    lnum = 6, end_lnum = 6, col = 11, end_col = 18,
    severity = vim.diagnostic.severity.ERROR, source = 'pyflakes',
    message = "undefined name 'resultt'",
  } })
  step('quick fix', '7G\\aa', function() return has('    return result') end)
  step('comment', 'gg\\aa', function()
    return not has('import os') and not has('import re') and not has('# Delete lines 2 to 3 AI!')
  end)
  step('instruction', '2GVj\\ai', function() return not has('import os') and not has('import re') end)

  -- What is written keeps its line ends.
  vim.cmd('redo')
  vim.cmd('write')
  io.stdout:write('PASS\n')
end

local ok, err = xpcall(main, debug.traceback)
if not ok then
  io.stderr:write(err .. '\n')
  vim.cmd('cquit! 1')
else
  vim.cmd('qall!')
end
