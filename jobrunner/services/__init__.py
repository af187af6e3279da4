"""What the jobs out of the box do, one package each. They import `records` and `mail`, never each other."""
