"""The commands; the only place, beside `ProgressBar`, that prints or exits."""
