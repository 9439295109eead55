"""Reads all packages of a repository with createrepo_c: parse.py REPOSITORY."""

import os
import sys

import createrepo_c

repository = sys.argv[1]
repomd = createrepo_c.Repomd(os.path.join(repository, "repodata/repomd.xml"))
hrefs = {record.type: os.path.join(repository, record.location_href) for record in repomd.records}
iterator = createrepo_c.PackageIterator(
    primary_path=hrefs["primary"], filelists_path=hrefs["filelists"], other_path=hrefs["other"]
)
print(sum(1 for _ in iterator), "packages")
