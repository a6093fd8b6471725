# SPDX-License-Identifier: LGPL-2.1-or-later
# The sequence of dh_imasign, for "dh --with ima" and "Build-Depends: dh-sequence-ima".
use strict;
use warnings;
use Debian::Debhelper::Dh_Lib;

# When the packages are finished; dpkg takes their checksums when the build is.
insert_after('dh_builddeb', 'dh_imasign');

1;
