"""The fourth company of the demonstration: Lakemont, a professional services firm on Rippling and Dynamics 365."""
