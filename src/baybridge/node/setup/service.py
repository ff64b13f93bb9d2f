"""Units for systemd by which a machine serves a node, backs it up and reads its backups again.

Main job: `units(config, given)` answers each unit by its file name. The options that harden them are those of systemd.exec(5): the service may write in the node's folder
and where backups and downtime packs go, and nowhere else. A place away from the machine that is not there when the service starts must not keep it from starting: such
folders are named with `-`. Left out are `MemoryDenyWriteExecute`, because libffi may need such memory, and `ProtectClock`, because with it nobody may ask the kernel
whether a time server keeps the clock: the filter of system calls names what asks it, and without its capability nobody can set the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baybridge.node.config import Config


@dataclass(frozen=True, slots=True)
class Service:
    """How the machine runs it: as which user, by which program; the key that reads backups, where it may be here; a folder for log files, the journal without."""

    user: str
    program: Path
    private_key: Path | None = None
    log_folder: Path | None = None


#: Source: systemd.exec(5), sections "sandboxing" and "capabilities"; systemd.directives.
_HARDENED = """\
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service adjtimex clock_adjtime
SystemCallErrorNumber=EPERM
UMask=0077
"""


def units(config: Config, given: Service) -> Mapping[str, str]:
    """Every unit by its file name; those of backups only where node.yaml says where they go."""
    name = f"baybridge-{config.site.node}"
    found = {f"{name}.service": _serving(config, given)}
    if config.backup is not None:
        found[f"{name}-backup.service"] = _once(config, given, "Back up", ("backup", str(config.folder), "--if-due"), [config.backup.folder])
        found[f"{name}-backup.timer"] = _timer(config, "Back up", "daily")
        if given.private_key is not None:
            words = ("verify-backup", str(config.backup.folder), "--of", config.site.node, "--key", str(given.private_key))
            found[f"{name}-verify-backup.service"] = _once(config, given, "Read the newest backup of", words, [])
            found[f"{name}-verify-backup.timer"] = _timer(config, "Read the newest backup of", "weekly")
    return found


def _serving(config: Config, given: Service) -> str:
    port = _low_port(config)
    hardened = _HARDENED.replace("CapabilityBoundingSet=\nAmbientCapabilities=\n", f"CapabilityBoundingSet={port}\nAmbientCapabilities={port}\n")
    log = f"StandardError=append:{_path(given.log_folder / 'serve.log')}\n" if given.log_folder is not None else ""
    after = " postgresql.service" if config.database.startswith("postgresql") else ""
    return (
        f"[Unit]\nDescription=Baybridge node {config.site.node}\nWants=network-online.target\nAfter=network-online.target time-sync.target{after}\n\n"
        f"[Service]\nType=simple\nUser={given.user}\nEnvironment=BAYBRIDGE_LOG=json\nEnvironmentFile=-/etc/default/baybridge\n"
        f"ExecStart={_line(given.program, 'serve', str(config.folder))}\nExecReload=/bin/sh -c \"kill -HUP $MAINPID\"\n"
        f"Restart=always\nRestartSec=5\nTimeoutStopSec=60\nLimitNOFILE=16384\n{log}"
        f"{_writes(config, given, _places(config))}{hardened}\n[Install]\nWantedBy=multi-user.target\n"
    )


def _places(config: Config) -> list[Path]:
    """Where a served node writes beside its own folder: backups, and downtime packs on this machine and another."""
    backup, downtime = config.backup, config.downtime
    found = [backup.folder] if backup is not None else []
    return [*found, *(place for place in (downtime.folder, downtime.second) if place is not None)] if downtime is not None else found


def _low_port(config: Config) -> str:
    """The one capability that a port below 1024 needs."""
    return "CAP_NET_BIND_SERVICE" if config.port is not None and config.port < 1024 else ""


def _once(config: Config, given: Service, what: str, words: tuple[str, ...], more: list[Path]) -> str:
    return (
        f"[Unit]\nDescription={what} Baybridge node {config.site.node}\n\n"
        f"[Service]\nType=oneshot\nUser={given.user}\nEnvironmentFile=-/etc/default/baybridge\nExecStart={_line(given.program, *words)}\nNice=15\n"
        f"IOSchedulingClass=idle\n{_writes(config, given, more)}{_HARDENED}"
    )


def _timer(config: Config, what: str, when: str) -> str:
    return (
        f"[Unit]\nDescription={what} Baybridge node {config.site.node}, {when}\n\n"
        f"[Timer]\nOnCalendar={when}\nRandomizedDelaySec=1h\nPersistent=yes\n\n[Install]\nWantedBy=timers.target\n"
    )


def _writes(config: Config, given: Service, more: list[Path]) -> str:
    """The folders that a unit may write in: its own must be there, and the service starts without the others."""
    own = [config.folder, *([given.log_folder] if given.log_folder is not None else [])]
    return f"ReadWritePaths={' '.join([*map(_path, own), *(_path(place, '-') for place in more)])}\n"


def _line(program: Path, *words: str) -> str:
    return " ".join(_word(word) for word in (str(program), *words))


def _path(path: Path, mark: str = "") -> str:
    return _quoted(f"{mark}{path}")


def _word(text: str) -> str:
    """One word of a command line, in which `$` is doubled too. Source: systemd.service(5), command lines."""
    return _quoted(text).replace("$", "$$")


def _quoted(text: str) -> str:
    """One word of a unit file: quoted where it holds a blank, `%` doubled. Source: systemd.syntax(7), quoting; systemd.unit(5), specifiers."""
    plain = text.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    return f'"{plain}"' if any(sign.isspace() or sign in "\"';" for sign in text) else plain
