"""Commands and their options. What a command does is in a module of its own, loaded when wanted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unwalled.cli.ending import end, explained, set_debug, show_traceback
from unwalled.cli.output import complain
from unwalled.cli.policycommands import policy_app
from unwalled.cli.rulescommands import rules_app
from unwalled.cli.running import INTERRUPTED
from unwalled.errors import UsageError
from unwalled.settings import BRIDGE

app = typer.Typer(
    name="unwalled",
    help="Visitors of a news site lend their browsers as bridges to people who want to read freely.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(help="Look at the configuration of an operator.", no_args_is_help=True)
keys_app = typer.Typer(
    help="An operator's keys: how old they are, and new ones.", invoke_without_command=True, rich_markup_mode=None
)
admin_app = typer.Typer(help="Who may use an operator's /admin.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(config_app, name="config")
app.add_typer(admin_app, name="admin")
app.add_typer(keys_app, name="keys")
app.add_typer(policy_app, name="policy")
app.add_typer(rules_app, name="rules")
_exit_code = 0
_TRACE = typer.Option(metavar="FILE", help="Note lanes, times and sizes there, without addresses; see `trace`.")


def run_program() -> int:
    """Runs the command that the system was given; gives the exit code, or ends the process with it."""
    return end(run_command(None))


def run_command(arguments: list[str] | None) -> int:
    """Runs one command; gives the exit code. ``arguments``: without the program's name; None = from the system."""

    def work() -> int:
        global _exit_code
        _exit_code = 0
        try:
            code = app(args=arguments, prog_name="unwalled", standalone_mode=False)
        except typer.Abort:
            return INTERRUPTED
        except typer.TyperException as error:
            show_traceback(error)
            complain(_words(error), "`unwalled --help` and `unwalled COMMAND --help` show what there is.")
            return error.exit_code
        return code if isinstance(code, int) and code else _exit_code

    return explained(work)


def _words(error: typer.TyperException) -> str:
    """Of a number that is none or out of range, our own: the library's are for who writes programs."""
    wrong: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    param = getattr(error, "param", None)
    if not wrong or param is None:
        return error.format_message()
    bounds = wrong[0].get("ctx", {})
    match wrong[0]["type"]:
        case "int_parsing" | "int_parsing_size":
            has_to_be = "a whole number"
        case "float_parsing":
            has_to_be = "a number"
        case "greater_than_equal":
            has_to_be = f"at least {bounds['ge']:g}"
        case "less_than_equal":
            has_to_be = f"at most {bounds['le']:g}"
        case _:
            return error.format_message()
    option = param.get_error_hint().strip("'")
    return f"{option} has to be {has_to_be}."


def _set_code(code: int) -> None:
    global _exit_code
    _exit_code = code


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as version_of

        sys.stdout.write(f"unwalled {version_of('unwalled')}\n")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show where errors come from, and log more.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    set_debug(debug)


@app.command()
def operate(
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Options in a file (TOML); what stands here as well wins.")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Where to listen. Without it: 127.0.0.1:8080; with --cert: 443."),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Host name at which the public reaches this server over https."),
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The same as a URL, with port and path. Without both: where it listens."),
    ] = None,
    cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="End TLS here with this certificate (PEM, with its chain).")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its key. Without it: in the file of the certificate.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Folder for keys and invites; made on the first start. Without it: unwalled-data."
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Which sites readers may open (TOML). Without it: all public ones."),
    ] = None,
    only_my_sites: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST", help="Readers may open this site and all below it, and no others; may come again."
        ),
    ] = None,
    contact: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="How to reach you, shown at /abuse: a mail address or a URL."),
    ] = None,
    stun_listen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[HOST:]PORT|off",
            help="UDP port for STUN; may come twice. Without it: 3478 and 3479, if the public URL is a public one.",
        ),
    ] = None,
    stun: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="stun:HOST:PORT for readers and bridges to ask instead of this server; may come again.",
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK",
            help="Believe X-Forwarded-For from there; may come again. Without it: with --domain this machine.",
        ),
    ] = None,
    egress_bind: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Own address from which sites are dialled; one of each IP version."),
    ] = None,
    countries: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Tells in which country an address is (MMDB or CSV), for the volunteers' picture."
        ),
    ] = None,
    allow_private: Annotated[
        bool | None,
        typer.Option(
            "--allow-private/--no-allow-private", help="For tests: private and loopback addresses are allowed."
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For tests: note each session's lanes, times and sizes in files there."),
    ] = None,
    admin_from: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NETWORK|within",
            help="Answer /admin only there; within: this machine and its own network. May come again.",
        ),
    ] = None,
    redis_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with the URL of a Redis server that brokers share. Without it: UNWALLED_REDIS_URL.",
        ),
    ] = None,
    private_swarms: Annotated[
        str | None,
        typer.Option(
            metavar="auto|on|off",
            help="Let visitors help only people whom they know. auto: where the policy lists the sites.",
        ),
    ] = None,
    drain: Annotated[
        str | None,
        typer.Option(
            metavar="SPAN", help="How long SIGTERM waits for what is being read, such as 3m. Without it: not at all."
        ),
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE,…",
            help="What this process is: broker, gateway, site. Without it: all. Others meet it in a Redis server.",
        ),
    ] = None,
    gateway_workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Processes that hold readers' sessions, one for each core. Without it: this process alone.",
        ),
    ] = None,
) -> None:
    """Run broker, gateway and the page with the switch in one process."""
    given = {name.replace("_", "-"): value for name, value in locals().items() if name != "config"}
    from unwalled.cli.operate import operate as run_operator
    from unwalled.cli.operate import read_options

    _set_code(run_operator(read_options(config, given)))


@config_app.command("check")
def config_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `operate --config` would read.")],
) -> None:
    """Say everything that is wrong with a configuration, without starting anything."""
    from unwalled.cli.config import check

    _set_code(check(file))


@app.command()
def invite(
    data: Annotated[Path, typer.Option(metavar="DIR", help="The operator's data folder.")] = Path("unwalled-data"),
    label: Annotated[str, typer.Option(metavar="TEXT", help="For your own list; readers never see it.")] = "",
    expires: Annotated[
        str, typer.Option(metavar="WHEN", help="30d, 12h, a day such as 2027-01-31, or never.")
    ] = "never",
    qr: Annotated[bool, typer.Option("--qr", help="Draw the link as a QR code.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Print the link only.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the invites that were given out.")] = False,
    revoke: Annotated[str | None, typer.Option(metavar="ID", help="Withdraw an invite of the list.")] = None,
    friends: Annotated[
        list[str] | None, typer.Option("--for", metavar="LABEL", help="One invite for this friend; may come again.")
    ] = None,
    count: Annotated[int | None, typer.Option(metavar="N", help="So many invites in one go.", min=1)] = None,
    sessions: Annotated[int, typer.Option(metavar="N", help="Readers at once with it, at most.", min=0)] = 0,
    bytes_day: Annotated[str, typer.Option(metavar="SIZE", help="Data a day, such as 2GB, at most.")] = "",
    readers: Annotated[int, typer.Option(metavar="N", help="Different readers a day, at most.", min=0)] = 0,
    quota: Annotated[
        str | None, typer.Option(metavar="ID", help="Give an invite of the list these bounds and no others.")
    ] = None,
    again: Annotated[str | None, typer.Option(metavar="ID", help="Print the link of an invite anew.")] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a table of them.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page to print, with codes.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a code for each as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a code for each as PNG.")] = None,
) -> None:
    """Make invites for readers, list them, or withdraw one. Works while the operator runs."""
    from unwalled.cli import invite as command

    sheets = command.Sheets(csv, html, svg, png)
    if revoke is not None:
        command.revoke(data, revoke)
    elif show:
        command.show_list(data)
    elif again is not None:
        command.again(data, again, sheets=sheets, qr=qr, link_only=link)
    elif quota is not None:
        command.set_quota(data, quota, command.quota_of(sessions, bytes_day, readers))
    else:
        command.make(
            data,
            labels=command.labels_of(label, friends or [], count),
            expires=expires,
            quota=command.quota_of(sessions, bytes_day, readers),
            sheets=sheets,
            qr=qr,
            link_only=link,
        )


_REPLACE_FILE = typer.Option("--replace", help="Write over a file that is there.")
_DATA = typer.Option(metavar="DIR", help="The operator's data folder.")


@app.command()
def backup(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - for standard output.")],
    data: Annotated[Path, _DATA] = Path("unwalled-data"),
    replace: Annotated[bool, _REPLACE_FILE] = False,
) -> None:
    """Write an operator's keys and invites to one file. Works while the operator runs."""
    from unwalled.cli.backup import back_up

    back_up(file, data, replace=replace)


@app.command()
def restore(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What `unwalled backup` wrote; - for standard input.")],
    data: Annotated[Path, _DATA] = Path("unwalled-data"),
    replace: Annotated[
        bool, typer.Option("--replace", help="Put what is in the folder aside, in a folder inside it.")
    ] = False,
) -> None:
    """Put a backup back into a data folder. Stop the operator before."""
    from unwalled.cli.backup import restore as put_back

    put_back(file, data, replace=replace)


@keys_app.callback(invoke_without_command=True)
def keys(context: typer.Context, data: Annotated[Path, _DATA] = Path("unwalled-data")) -> None:
    """Say how old an operator's keys are and when old ones end, or renew them."""
    from unwalled.cli.keys import show

    if context.invoked_subcommand is None:
        show(data)


@keys_app.command("rotate")
def keys_rotate(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY]...", help="broker, gateway, invites; without one: all.")
    ] = None,
    data: Annotated[Path, _DATA] = Path("unwalled-data"),
    grace: Annotated[str, typer.Option(metavar="SPAN", help="How long the old ones still count.")] = "60d",
    now: Annotated[bool, typer.Option("--now", help="Not at all: the old ones have leaked.")] = False,
) -> None:
    """Make new keys. Invites of before go on for a time. Works while the operator runs."""
    from unwalled.cli.keys import rotate

    rotate(data, which or [], grace=grace, now=now)


@admin_app.command("token")
def admin_token(
    data: Annotated[Path, _DATA] = Path("unwalled-data"),
    replace: Annotated[
        bool, typer.Option("--replace", help="Make a new one though there is one, which then opens nothing any more.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take it away: then there is no /admin.")] = False,
) -> None:
    """Make the token for an operator's /admin, which is shown only now. Works while the operator runs."""
    from unwalled.cli.admin import token

    token(data, replace=replace, remove=remove)


@app.command()
def top(
    data: Annotated[Path, _DATA] = Path("unwalled-data"),
    url: Annotated[
        str | None, typer.Option(metavar="URL", help="Another operator, such as https://bridges.example.org.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Has the admin token; else UNWALLED_ADMIN_TOKEN does.")
    ] = None,
    every: Annotated[float, typer.Option(min=1.0, max=3600.0, help="Seconds between two looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end, as without a terminal.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One line of JSON for each look.")] = False,
) -> None:
    """Show how an operator is: alarms with what to do, bridges, readers, traffic. Needs the admin token."""
    from unwalled.cli import top as program

    address = program.find_url(url, data)
    raise typer.Exit(program.top(address, program.find_token(token_file), once=once, as_json=json, every_s=every))


@app.command()
def doctor(
    url: Annotated[
        str | None, typer.Argument(metavar="[URL]", help="The operator, such as https://bridges.example.org.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="On the server itself: its data folder, for URL and invite.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="On the server itself: what `operate --config` reads.")
    ] = None,
    invite: Annotated[
        str | None, typer.Option(metavar="INVITE", help="For the whole chain; - reads it from standard input.")
    ] = None,
    fetch: Annotated[str | None, typer.Option(metavar="URL", help="A page to read through the whole chain.")] = None,
) -> None:
    """Look at an operator from outside, as a bridge and a reader would, and say what is wrong."""
    from unwalled.cli.doctor import run_doctor
    from unwalled.cli.get import check_url
    from unwalled.cli.invited import need_invite
    from unwalled.cli.operate import read_options
    from unwalled.cli.top import named_operator

    options = None if config is None else read_options(config, {})
    if options is not None and data is None:
        data = options.data
    _set_code(
        run_doctor(
            named_operator(url) if url is not None else None if options is None else options.reached_at,
            data,
            None if invite is None else need_invite(invite, None),
            None if fetch is None else check_url(fetch),
            "" if options is None or options.certificate is not None else f"http://{options.listen}",
        )
    )


@app.command()
def bridge(
    url: Annotated[str, typer.Argument(metavar="URL", help="The operator, such as https://bridges.example.org.")],
    max_readers: Annotated[
        int, typer.Option(metavar="N", help="Readers to help at once.", min=1, max=BRIDGE.max_readers * 8)
    ] = BRIDGE.max_readers,
    rate: Annotated[
        str | None, typer.Option(metavar="RATE", help="What to give at most, such as 20mbit. Without it: no limit.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Help only people whom you know: those with the link that it prints.")
    ] = False,
    join: Annotated[
        bool, typer.Option("--join", help="With --private: share the link of another helper, from standard input.")
    ] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Delete the secret of your link, which then leads nowhere, and end.")
    ] = False,
) -> None:
    """Be a bridge without a browser, until stopped."""
    from unwalled.cli.bridge import forget_private, private_secret, run_bridge

    if forget:
        forget_private(url)
        return
    secret = private_secret(url, join=join) if private or join else b""
    _set_code(run_bridge(url, max_readers=max_readers, rate=rate, secret=secret))


@app.command()
def connect(
    invite: Annotated[
        str | None,
        typer.Argument(
            metavar="[INVITE]",
            help="- reads it from standard input; without it: $UNWALLED_INVITE, or what is remembered.",
        ),
    ] = None,
    listen: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Where the proxy listens. Without it: 127.0.0.1:1080.")
    ] = None,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Let other machines use the proxy (with --listen).")
    ] = False,
    trace: Annotated[Path | None, _TRACE] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Tell programs what became of each connection before they send anything.")
    ] = False,
    label: Annotated[str, typer.Option(metavar="TEXT", help="A name under which the invite is remembered.")] = "",
    no_remember: Annotated[
        bool, typer.Option("--no-remember", help="Leave nothing on the disk, and use nothing of it.")
    ] = False,
    no_panel: Annotated[bool, typer.Option("--no-panel", help="Without the panel in the browser.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show the invites that are remembered.")] = False,
    remove: Annotated[str | None, typer.Option(metavar="ID", help="Forget an invite of the list.")] = None,
) -> None:
    """Read freely: a SOCKS5 and HTTP proxy on this computer, through visitors' browsers."""
    from unwalled.app.home import Home
    from unwalled.cli.around import has_screen
    from unwalled.cli.connect import run_reader
    from unwalled.cli.invited import find_invite
    from unwalled.cli.plain import ConnectOptions
    from unwalled.operator.options import ListenAddress

    home = None if no_remember else Home.usual()
    if show or remove is not None:
        from unwalled.cli.remembered import forget_one, show_list

        forget_one(home, remove) if remove is not None else show_list(home)
        return
    address = None if listen is None else ListenAddress.parse(listen)
    found, is_given = find_invite(invite, home, may_lack=home is not None and not no_panel and has_screen())
    options = ConnectOptions(
        invite=found,
        is_given=is_given,
        home=home,
        listen=address,
        label=label,
        allow_remote=allow_remote,
        is_exact=exact,
        trace=trace,
        has_panel=not no_panel,
    )
    _set_code(run_reader(options))


@app.command()
def forget() -> None:
    """Remove all that Unwalled remembers for a reader on this computer; one that runs is stopped first."""
    from unwalled.app.home import Home
    from unwalled.cli.remembered import forget_all

    forget_all(Home.usual())


@app.command()
def get(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[INVITE] URL",
            help="INVITE - reads it from standard input; without it: $UNWALLED_INVITE, or what is remembered.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there, not to standard output.")
    ] = None,
    trace: Annotated[Path | None, _TRACE] = None,
) -> None:
    """Fetch one URL through visitors' browsers."""
    from unwalled.app.home import Home
    from unwalled.cli.get import check_url, run_get
    from unwalled.cli.invited import need_invite

    if len(arguments) > 2:
        raise UsageError("There are too many arguments.", "Write: unwalled get INVITE URL")
    url = check_url(arguments[-1])
    found = need_invite(arguments[0] if len(arguments) == 2 else None, Home.usual().untouched())
    _set_code(run_get(found, url, output, trace))


@app.command()
def browse(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INVITE] [URL]",
            help="INVITE - reads it from standard input; without it: $UNWALLED_INVITE, or what is remembered.",
        ),
    ] = None,
    browser: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="firefox, chromium, brave, chrome, edge, or a browser's path."),
    ] = None,
    keep_profile: Annotated[
        bool, typer.Option("--keep-profile", help="Keep bookmarks, log-ins and history for the next time.")
    ] = False,
    no_remember: Annotated[
        bool, typer.Option("--no-remember", help="Leave nothing on the disk, and use nothing of it.")
    ] = False,
    show: Annotated[bool, typer.Option("--list", help="Show which browsers were found on this computer.")] = False,
) -> None:
    """Read freely in a browser of its own, which goes through visitors' browsers and nowhere else."""
    from unwalled.app.home import Home
    from unwalled.cli import browse as command
    from unwalled.cli.invited import find_invite

    if show:
        command.show_browsers()
        return
    if keep_profile and no_remember:
        raise UsageError("A profile cannot be kept and not be remembered.", "Leave one of both options out.")
    asked = command.read_words(arguments or ())
    home = None if no_remember else Home.usual()
    invite, is_given = find_invite(asked.invite, home)
    assert invite is not None
    code = command.run_browse(invite, asked.url, browser, home=home, is_given=is_given, is_kept=keep_profile)
    _set_code(code)


@app.command()
def desktop(
    work: Annotated[str, typer.Argument(metavar="install|remove|restore", help="What to do.")],
) -> None:
    """Put Unwalled into the menu of a Linux desktop, or out of it; restore the system's proxy after a crash."""
    from unwalled.cli import desktop as command

    match work:
        case "install":
            command.install()
        case "remove":
            command.remove()
        case "restore":
            command.restore()
        case _:
            raise UsageError("There is no such work.", "Write: unwalled desktop install, remove or restore")


@app.command()
def trace(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What --trace of another command has written.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where the picture goes. Without it: FILE.svg.")
    ] = None,
) -> None:
    """Show what a session did: a summary, and a picture (SVG)."""
    from unwalled.cli.trace import run_trace

    _set_code(run_trace(file, out))


@app.command()
def pt() -> None:
    """For tor, which starts it: a pluggable transport, for clients and for bridges."""
    from unwalled.cli.pt import run_pt

    _set_code(run_pt())


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the job: 0 when all worked, else 1.")] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Use the headless bridge even where a Chromium is installed.")
    ] = False,
    headed: Annotated[bool, typer.Option("--headed", help="Show the browser's window.")] = False,
) -> None:
    """Show the whole chain on this computer: site, operator, bridge and reader."""
    from unwalled.cli.running import INTERRUPTED, run
    from unwalled.demo.story import DemoOptions, run_demo

    options = DemoOptions(once=once, no_browser=no_browser, headed=headed)
    # What stays up is there to be stopped; who wants the job done once must not take a broken-off one for done.
    _set_code(run(lambda: run_demo(options), stopped=INTERRUPTED if once else 0))
