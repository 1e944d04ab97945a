import { useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';

import { alertsKey } from '../../api/alerts';
import { maintenanceKey } from '../../api/maintenance';
import { silencesKey } from '../../api/silences';

/** After somebody did something about alerts: they, and what keeps them quiet, are asked for again. */
export function useAlertsChange(): () => Promise<void> {
  const client = useQueryClient();
  return useCallback(async () => {
    await Promise.all([
      client.invalidateQueries({ queryKey: alertsKey }),
      client.invalidateQueries({ queryKey: silencesKey }),
      client.invalidateQueries({ queryKey: maintenanceKey }),
    ]);
  }, [client]);
}
