# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for einat; the program itself knows its commands, options and their values.

_einat()
{
	local cur=${COMP_WORDS[COMP_CWORD]} word list
	local words=("${COMP_WORDS[@]:1:COMP_CWORD}")

	[ "$cur" = = ] && cur=
	COMPREPLY=()
	while IFS= read -r word; do
		case $word in
		@interface)
			# a comma list: complete its last item
			list=
			[[ $cur == *,* ]] && list=${cur%,*},
			while IFS= read -r word; do
				COMPREPLY+=("$word")
			done < <(compgen -P "$list" -W "$(cd /sys/class/net && echo *)" -- "${cur##*,}")
			;;
		@file)
			compopt -o filenames 2>/dev/null
			while IFS= read -r word; do
				COMPREPLY+=("$word")
			done < <(compgen -f -- "$cur")
			;;
		@directory)
			compopt -o filenames 2>/dev/null
			while IFS= read -r word; do
				COMPREPLY+=("$word")
			done < <(compgen -d -- "$cur")
			;;
		*)
			COMPREPLY+=("$word")
			;;
		esac
	done < <("${COMP_WORDS[0]}" --complete "${words[@]}" 2>/dev/null)
}
complete -F _einat einat
