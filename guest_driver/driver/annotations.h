/* SPDX-License-Identifier: Apache-2.0
 *
 * SAL and IRQL annotations. mingw-w64 has most of them as empty macros; those
 * that it lacks are empty here, so that the sources can say what they mean to a
 * reader and to the WDK's analyser.
 */
#ifndef WSKTEST_ANNOTATIONS_H
#define WSKTEST_ANNOTATIONS_H

#include <driverspecs.h>
#include <sal.h>

#ifndef _IRQL_requires_max_
#define _IRQL_requires_max_(irql)
#endif
#ifndef _IRQL_requires_same_
#define _IRQL_requires_same_
#endif
#ifndef _IRQL_raises_
#define _IRQL_raises_(irql)
#endif
#ifndef _IRQL_saves_
#define _IRQL_saves_
#endif
#ifndef _IRQL_restores_
#define _IRQL_restores_
#endif
#ifndef _Acquires_lock_
#define _Acquires_lock_(lock)
#endif
#ifndef _Releases_lock_
#define _Releases_lock_(lock)
#endif
#ifndef _Requires_lock_not_held_
#define _Requires_lock_not_held_(lock)
#endif
#ifndef _Interlocked_
#define _Interlocked_
#endif
#ifndef _Must_inspect_result_
#define _Must_inspect_result_
#endif
#ifndef _Function_class_
#define _Function_class_(name)
#endif
#ifndef _Analysis_noreturn_
#define _Analysis_noreturn_
#endif

#endif
