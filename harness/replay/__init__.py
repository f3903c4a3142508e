# SPDX-License-Identifier: Apache-2.0
"""A stored case performed again, and both timelines side by side."""
