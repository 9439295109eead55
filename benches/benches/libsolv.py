"""libsolv at work, set up as dnf does it, through its Python module.

libsolv.py nothing                            starts, and imports the module: that much is in all the other times
libsolv.py cold REPOSITORY SOLV               reads primary and writes SOLV, reads filelists and writes SOLV.filelists, and gets
                                              ready to solve
libsolv.py cached SOLV TIMES                  reads both and gets ready to solve, so many times
libsolv.py solve SOLV FILE weak|strict TIMES  each line of FILE is a request, names separated by blanks; all of them, so many
                                              times; prints how many packages there are in all answers
"""

import sys
import xml.etree.ElementTree as ElementTree

import solv

XML = "{http://linux.duke.edu/metadata/repo}"


def metadata(repository, kind):
    index = ElementTree.parse(f"{repository}/repodata/repomd.xml")
    (location,) = [d.find(f"{XML}location") for d in index.iter(f"{XML}data") if d.get("type") == kind]
    return solv.xfopen(f"{repository}/{location.get('href')}")


def write(data, path):
    with open(path, "wb") as file:
        out = solv.xfopen_fd("", file.fileno())
        data.write(out)
        out.close()


class Distribution:
    """A pool with one repository, as dnf's `DnfSack` has it."""

    def __init__(self):
        self.pool = solv.Pool()
        self.pool.setdisttype(solv.Pool.DISTTYPE_RPM)
        self.pool.setarch("x86_64")
        self.repo = self.pool.add_repo("distribution")

    def ready(self):
        self.pool.addfileprovides()
        self.pool.createwhatprovides()
        return self

    EXTENSION = solv.Repo.REPO_EXTEND_SOLVABLES | solv.Repo.REPO_LOCALPOOL

    def read_metadata(self, repository, path):
        self.repo.add_rpmmd(metadata(repository, "primary"), None)
        write(self.repo.first_repodata(), path)
        self.repo.add_rpmmd(metadata(repository, "filelists"), "FL", self.EXTENSION)
        files = list(self.repo.Dataiterator_meta and [])
        del files
        return self.ready()

    def read_caches(self, path):
        self.repo.add_solv(solv.xfopen(path)) or sys.exit(f"cannot read {path}")
        self.repo.add_solv(solv.xfopen(f"{path}.filelists"), self.EXTENSION) or sys.exit("cannot read the file lists")
        return self.ready()

    def solve(self, names, weak):
        pool = self.pool
        found = [[s for s in pool.select(name, solv.Selection.SELECTION_NAME).solvables() if s.arch != "src"] for name in names]
        jobs = [
            pool.Job(
                solv.Job.SOLVER_SOLVABLE_ONE_OF | solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SETARCH | solv.Job.SOLVER_SETEVR,
                pool.towhatprovides([s.id for s in packages]),
            )
            for packages in found
        ]
        solver = pool.Solver()
        for flag in ("ALLOW_DOWNGRADE", "ALLOW_VENDORCHANGE", "KEEP_ORPHANS", "BEST_OBEY_POLICY", "YUM_OBSOLETES"):
            solver.set_flag(getattr(solv.Solver, f"SOLVER_FLAG_{flag}"), 1)
        if not weak:
            solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
        if solver.solve(jobs):
            return 0
        return len(solver.transaction().newsolvables())
