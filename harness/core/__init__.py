# SPDX-License-Identifier: Apache-2.0
"""The floor that everything else rests on; it knows nothing of the rest."""
