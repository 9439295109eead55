"""What shells need to complete `dnf copr`, made of the one definition of its command line.

Plugins cannot extend dnf 4's own completions. For bash and zsh there is therefore a function that stands before dnf's and hands
all other commands on to it; fish gathers the completions of a command from several files.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import Template

from . import arguments
from .hubs import DEFAULT_HOSTNAME


class _Script(Template):
    delimiter = "%"


# sed reads what is here, because dnf takes half a second to start. The root of the system is the argument.
_READING = r"""
_dnf_copr_repositories() {%quiet
    cat "$1"/etc/yum.repos.d/_copr*.repo /dev/null 2>/dev/null | sed -n 's/^\[\(copr[a-z]*:[^]]*\)\]$/\1/p'
}

_dnf_copr_projects() {
    _dnf_copr_repositories "$1" | sed -n '/:ml$/d; s/^copr:\([^:]*\):\([^:]*\):/\1\/\2\//p' |
        sed 's/\/group_/\/@/; p; s/^%host\///' | sort -u
}

_dnf_copr_hubs() {%quiet
    cat "$1"/etc/dnf/plugins/copr{,.vendor}.conf "$1"/etc/dnf/plugins/copr.d/*.conf /dev/null 2>/dev/null |
        sed -n '/^\[main\]/d; s/^\[\(.*\)\]$/\1\//p' | sort -u
}
"""

_BASH = r"""# bash completion for `dnf copr`, to be read when a shell starts: /etc/bash_completion.d/dnf-copr
# dnf's own cannot be extended; this stands before it and hands all other commands on to it.
%reading
_dnf_copr_others() {
    if [[ -z ${_dnf_copr_next-} ]]; then
        complete -r dnf
        if declare -F _comp_load >/dev/null; then _comp_load -- dnf; else _completion_loader dnf; fi
        _dnf_copr_next=$(complete -p dnf 2>/dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
        complete -F _dnf_copr dnf dnf-3
    fi
    [[ -z $_dnf_copr_next ]] || "$_dnf_copr_next" "$@"
}

_dnf_copr() {
    local cur prev words cword split i command="" subcommand="" root="" names=""
    _init_completion -n := || return
    for ((i = 1; i < cword; i++)); do
        case ${words[i]} in
            --installroot=*) root=${words[i]#*=} ;;
            --installroot) root=${words[++i]-} ;;
            -*) ;;
            *) if [[ -z $command ]]; then command=${words[i]}; else subcommand=${subcommand:-${words[i]}}; fi ;;
        esac
    done
    if [[ $command != copr ]]; then
        _dnf_copr_others "$@"
        return
    fi
    case $prev:$subcommand:$cur in
        --hub:*) names=$(_dnf_copr_hubs "$root" | sed 's/.$//') ;;
        %valued) ;;
%options
        *:-*) names="%all_options" ;;
        *::*) names="%subcommands" ;;
%arguments
    esac
    mapfile -t COMPREPLY < <(compgen -W "$names" -- "$cur")
    [[ ${COMPREPLY[0]-} != */ ]] || compopt -o nospace 2>/dev/null
    __ltrim_colon_completions "$cur"
}

# DNF 5, which may have the same name, completes its own command.
[[ $(readlink -f "$(type -P dnf)") == *dnf5 ]] || complete -F _dnf_copr dnf dnf-3
"""

_ZSH = r"""#compdef dnf dnf-3
# zsh completion for `dnf copr`, in a folder of $fpath before zsh's own: /usr/share/zsh/site-functions/_dnf_copr
# dnf's own cannot be extended; this stands before it and hands all other commands on to it.
%reading
_dnf_copr_argument() {
    local -a found
    case $1 in
%arguments
    esac
    # Hubs end in a slash, behind which the user goes on.
    (( $#found )) && { [[ $1 == (%hub_subcommands) ]] && compadd -S '' -a found || compadd -a found }
}

_dnf_copr() {
    local i command root ret=1 curcontext=$curcontext
    local -a options subcommands=(
%descriptions
    )
    local -A opt_args
    for (( i = 2; i < CURRENT; i++ )); do
        case $words[i] in
            --installroot=*) root=${words[i]#*=} ;;
            --installroot) (( i++ )); root=$words[i] ;;
            -*) ;;
            *) command=$words[i]; break ;;
        esac
    done
    if [[ $command != copr ]]; then
        _dnf "$@" && ret=0
        if [[ -z $command && $words[CURRENT] != -* ]]; then
            local -a copr=('copr:enable and disable projects of Copr')
            _describe -t dnf-plugins 'plugin command' copr && ret=0
        fi
        return ret
    fi
    shift $(( i - 1 )) words
    (( CURRENT -= i - 1 ))
    if (( CURRENT == 2 )); then
        _describe -t subcommands 'subcommand' subcommands
        return
    fi
    case $words[2] in
%options
    esac
    _arguments $options '1: :' '*: :{_dnf_copr_argument $words[2]}'
}

_dnf_copr "$@"
"""

_FISH = r"""# fish completion for `dnf copr`, to be read when a shell starts: /etc/fish/conf.d/dnf-copr.fish
# fish has completions of dnf of its own, to which these are added.
function __dnf_copr_root
    string replace -rf '^--installroot=' '' -- (commandline -opc)
end

function __dnf_copr_repositories
    set -l root (__dnf_copr_root)
    set -l files "$root"/etc/yum.repos.d/_copr*.repo
    set -q files[1]; and cat $files 2>/dev/null | string replace -rf '^\[(copr[a-z]*:.*)\]$' '$1'
end

function __dnf_copr_projects
    set -l found (__dnf_copr_repositories | string match -v '*:ml' |
        string replace -rf '^copr:([^:]*):([^:]*):' '$1/$2/' | string replace /group_ /@)
    string join \n -- $found (string replace -f '%host/' '' -- $found)
end

function __dnf_copr_hubs
    set -l root (__dnf_copr_root)
    set -l files "$root"/etc/dnf/plugins/copr.d/*.conf
    cat "$root"/etc/dnf/plugins/copr{,.vendor}.conf $files 2>/dev/null | string match -v '[main]' |
        string replace -rf '^\[(.*)\]$' '$1'
end

# Without arguments: whether a subcommand is to follow; with some: whether one of them is there.
function __dnf_copr_at
    set -l given (string match -v -- '-*' (commandline -opc))
    test "$given[2]" = copr; or return 1
    if set -q argv[1]
        contains -- "$given[3]" $argv
    else
        test (count $given) -eq 2
    end
end

complete -c dnf -n 'test (count (string match -v -- "-*" (commandline -opc))) -eq 1' \
    -xa copr -d 'enable and disable projects of Copr'
%lines
"""


def bash() -> str:
    """The script for bash."""
    return _Script(_BASH).substitute(
        reading=_reading(),
        valued="|".join(f"{option.name}:*" for option in arguments.OPTIONS if option.value and option.name != "--hub"),
        options="\n".join(
            f'        *:{known.name}:-*) names="{_names(arguments.options_of(known.name))}" ;;' for known in arguments.SUBCOMMANDS
        ),
        all_options=_names(arguments.OPTIONS),
        subcommands=" ".join(known.name for known in arguments.SUBCOMMANDS),
        arguments="\n".join(
            f'        *:{name}:*) names=$(_dnf_copr_{what} "$root") ;;' for name, what in _completed()
        ),
    )


def zsh() -> str:
    """The script for zsh, a function."""
    return _Script(_ZSH).substitute(
        reading=_reading("\n    setopt localoptions nullglob"),
        descriptions="\n".join(f"        {_quoted(f'{known.name}:{known.summary}')}" for known in arguments.SUBCOMMANDS),
        options="\n".join(
            f"        {known.name}) options=({' '.join(map(_zsh_option, arguments.options_of(known.name)))}) ;;"
            for known in arguments.SUBCOMMANDS
        ),
        arguments="\n".join(f'        {name}) found=(${{(f)"$(_dnf_copr_{what} "$root")"}}) ;;' for name, what in _completed()),
        hub_subcommands="|".join(name for name, what in _completed() if what == "hubs"),
    )


def fish() -> str:
    """The script for fish."""
    lines = [f"complete -c dnf -n __dnf_copr_at -xa {known.name} -d {_quoted(known.summary)}" for known in arguments.SUBCOMMANDS]
    for option in arguments.OPTIONS:
        value = "" if option.value is None else " -xa '(__dnf_copr_hubs)'" if option.name == "--hub" else " -x"
        at = f"__dnf_copr_at {' '.join(option.subcommands)}"
        lines.append(f"complete -c dnf -n {_quoted(at)} -l {option.name[2:]}{value} -d {_quoted(option.summary)}")
    for name, what in _completed():
        ending = "/" if what == "hubs" else ""
        lines.append(f"complete -c dnf -n {_quoted(f'__dnf_copr_at {name}')} -xa '(__dnf_copr_{what}){ending}'")
    return _Script(_FISH).substitute(host=DEFAULT_HOSTNAME, lines="\n".join(lines))


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
"""Each shell's name to what makes its script."""


def _reading(quiet: str = "") -> str:
    return _Script(_READING).substitute(host=DEFAULT_HOSTNAME.replace(".", r"\."), quiet=quiet)


def _completed() -> list[tuple[str, str]]:
    """Subcommands whose arguments are known, and from which list these come."""
    return [(known.name, known.completed) for known in arguments.SUBCOMMANDS if known.completed]


def _names(options: Iterable[arguments.Option]) -> str:
    return " ".join(option.name for option in options)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"


def _zsh_option(option: arguments.Option) -> str:
    text = option.summary.replace("[", r"\[").replace("]", r"\]")
    if option.value is None:
        return _quoted(f"{option.name}[{text}]")
    action = '{compadd - ${(f)"$(_dnf_copr_hubs "$root" | sed s/.$//)"}}' if option.name == "--hub" else " "
    return _quoted(f"{option.name}=[{text}]:{option.value.lower()}:{action}")
