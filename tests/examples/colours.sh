clear
printf ' \033[1mPollux\033[0m in VGA text mode \033[33m┌─┬─┐ ╔═╦═╗ ░▒▓█\033[0m  Wörld, à la carte, ±½, αßπ\n\n'
printf ' ┌──────────────────────────────────────────────────────────┐\n │ '
i=0; while [ $i -lt 8 ]; do printf '\033[3%sm%s \033[9%sm%s \033[0m' $i "color$i" $i light; i=$((i+1)); [ $i -eq 4 ] && printf '     │\n │ '; done
printf '     │\n └──────────────────────────────────────────────────────────┘\n\n '
i=0; while [ $i -lt 8 ]; do printf '\033[4%sm        \033[0m' $i; i=$((i+1)); done
printf '\n\n \033[1mbold\033[0m \033[2mdim\033[0m \033[3mitalic\033[0m \033[4munderlined\033[0m \033[7mreversed\033[0m\n\n '
i=16; while [ $i -lt 232 ]; do printf '\033[48;5;%sm ' $i; i=$((i+1)); [ $(((i-16) % 72)) -eq 0 ] && printf '\033[0m\n '; done
printf '\033[0m\n of 256 colours the nearest\n'
