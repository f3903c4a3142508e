# SPDX-License-Identifier: Apache-2.0
"""What everything else rests on; it knows nothing of the rest."""
