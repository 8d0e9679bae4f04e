;; Run by test_emacs.py after the guide's configuration, with FILE in the environment:
;; emacs --batch -l CONFIGURATION -l emacs.el  -*- lexical-binding: t -*-
(setq make-backup-files nil create-lockfiles nil
      native-comp-enable-subr-trampolines nil native-comp-jit-compilation nil)

(defvar offered nil "The titles of the last menu.")

(defun text () (buffer-substring-no-properties (point-min) (point-max)))

(defun wait-until (what holds)
  (let ((end (+ (float-time) 120)))
    (while (not (funcall holds))
      (when (> (float-time) end) (error "Waited in vain: %s: %S" what (text)))
      (accept-process-output nil 0.05))))

(defun step-to (name gesture wanted)
  "Make the GESTURE, wait until the text is the WANTED one, and take it back by one undo."
  (let ((before (text)))
    (undo-boundary)
    (funcall gesture)
    (wait-until name (lambda () (not (equal (text) before))))
    (unless (equal (text) wanted) (error "%s: %S" name (text)))
    (princ (format "%s: %S\n" name offered))
    (undo-boundary)
    (setq last-command nil)
    (undo)
    (unless (equal (text) before) (error "%s: one undo does not restore the text: %S" name (text)))))

(condition-case err
    (progn
      (find-file (getenv "FILE"))
      (call-interactively #'eglot)
      (wait-until "managed" #'eglot-managed-p)
      (jsonrpc-request (eglot-current-server) :workspace/executeCommand
                       '(:command "copydecode.waitUntilReady") :timeout 120)
      (let* ((lines (split-string (text) "\n"))
             (without (lambda (&rest gone)
                        (mapconcat #'identity
                                   (delq nil (seq-map-indexed
                                              (lambda (line n) (unless (memq n gone) line)) lines))
                                   "\n"))))
        (cl-letf (((symbol-function 'completing-read)
                   (lambda (_prompt choices &rest _)
                     (setq offered (if (functionp choices) (all-completions "" choices)
                                     (mapcar #'car choices)))
                     (car offered))))
          (goto-char (point-min))
          (step-to "comment"
                   (lambda ()
                     (let ((last-nonmenu-event ?x)) (call-interactively #'eglot-code-actions)))
                   (funcall without 0 1 2)))
        (goto-char (point-min))
        (forward-line 1)
        (let ((beg (point)))
          (forward-line 2)
          (step-to "instruction" (lambda () (copydecode-edit "Delete lines 2 to 3" beg (point)))
                   (funcall without 1 2)))
        (copydecode-edit "Delete lines 2 to 3"
                         (progn (goto-char (point-min)) (forward-line 1) (point))
                         (progn (forward-line 2) (point)))
        (wait-until "the last edit" (lambda () (equal (text) (funcall without 1 2)))))
      (save-buffer)
      (eglot-shutdown (eglot-current-server))
      (princ "PASS\n"))
  (error (princ (format "FAIL %S\n" err)) (kill-emacs 1)))
