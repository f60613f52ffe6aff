"""Under which terms is a release handed on, where its steward has written none?

Not here: who must accept them (`curation.distribution`).
"""

TERMS = "TERMS.md"

DEFAULT_TERMS = """\
# Terms of use

This release is a collection of source files. Each file belongs to its authors and stays under its own licence; nothing here grants
more than that licence does. Whoever downloads, keeps or uses the release agrees to the following.

1. **Licences.** You follow the licence of every file that you use or pass on, its conditions on attribution among them. The columns
   `license_expression`, `license_evidence`, `repository`, `commit`, `path` and `url` say what is known of each file; they come from
   automatic detection and are no legal advice.
2. **Newer versions.** Authors may ask for their code to be left out. You replace your copy by the newest usable version without undue
   delay once there is one, and stop using a version that was withdrawn. `wherefrom release status FOLDER --against PLACE` tells you.
3. **Copies.** Whoever you give a copy to gets these terms with it, and accepts them first.
"""
