"""An authority of one's own, and certificates that it signs for this machine's loopback interface: by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIGURATION = """\
[ca]
default_ca = mine
[mine]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
rand_serial = yes
default_md = sha256
policy = any
x509_extensions = server
copy_extensions = none
[any]
commonName = supplied
[server]
subjectAltName = IP:127.0.0.1
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """A folder with the authority's certificate `ca.crt`, its key and configuration."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        """A new one."""
        folder.mkdir()
        (folder / "index.txt").touch()
        (folder / "openssl.cnf").write_text(_CONFIGURATION.format(folder=folder))
        _openssl(folder, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=authority")
        return cls(folder)

    @property
    def certificate(self) -> Path:
        """What clients trust."""
        return self.folder / "ca.crt"

    def sign(self, name: str, first: str, last: str) -> tuple[Path, Path]:
        """A server's certificate and key, valid between two moments. ("old", "20200101000000Z", "20200102000000Z")"""
        _openssl(self.folder, f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}")
        _openssl(
            self.folder,
            f"ca -batch -notext -config openssl.cnf -cert ca.crt -keyfile ca.key -in {name}.csr -out {name}.crt"
            f" -startdate {first} -enddate {last}",
        )
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"


def _openssl(folder: Path, arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments.split()], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
