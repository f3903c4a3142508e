# SPDX-License-Identifier: Apache-2.0
"""Why a guest was lost: triage, diagnosis, dumps and bugcheck codes."""
