unset HISTFILE
stty rows 24 cols 80
